"""The parser process: its pool, its messages, its worker."""
