"""What the owner touches: operations, command line, API, service."""
