"""What crosses the network: schemas and the client."""
