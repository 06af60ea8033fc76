"""RabbitMQ: the link (`connection`, `wire`), events in (`consumer`), events out (`publisher`)."""
