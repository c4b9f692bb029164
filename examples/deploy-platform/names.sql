-- Names and addresses, from the variables that install.sql describes; as_auth
-- and so on are how a service's own login connects.
\if :{?prefix}
\else
  \set prefix ''
\endif
\if :{?host}
\else
  \set host 127.0.0.1
\endif
\if :{?auth_port}
\else
  \set auth_port :PORT
\endif
\if :{?project_port}
\else
  \set project_port :PORT
\endif
\if :{?deploy_port}
\else
  \set deploy_port :PORT
\endif
\if :{?password}
\else
  \set password demo
\endif

-- Database and user of one name
\set auth :prefix usecapsule_auth
\set project :prefix usecapsule_project
\set deploy :prefix usecapsule_deploy

\set auth_password :password -auth
\set project_password :password -project
\set deploy_password :password -deploy

\set as_auth 'host=' :host ' port=' :auth_port ' dbname=' :auth ' user=' :auth ' password=' :auth_password
\set as_project 'host=' :host ' port=' :project_port ' dbname=' :project ' user=' :project ' password=' :project_password
\set as_deploy 'host=' :host ' port=' :deploy_port ' dbname=' :deploy ' user=' :deploy ' password=' :deploy_password

-- Who runs this, on all three servers
\set super :USER
