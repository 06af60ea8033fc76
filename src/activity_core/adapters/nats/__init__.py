"""NATS JetStream: `connection` keeps the link, `consumer` takes events in, `publisher` lets them out."""
