"""Kafka: the link (`connection`, `topics`), events in (`consumer`), events out (`publisher`)."""
