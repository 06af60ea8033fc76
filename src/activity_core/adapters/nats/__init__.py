"""NATS JetStream: the link (`connection`), events in (`consumer`), events out (`publisher`)."""
