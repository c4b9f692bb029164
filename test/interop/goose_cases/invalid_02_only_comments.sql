-- nothing

-- here
