-- What the product service need not do itself: the number that a list of
-- categories shows beside each name.

SELECT svc.keep_count('products', 'category_id', 'categories', 'id', 'product_count',
                      filter => 'status = ''active''');
