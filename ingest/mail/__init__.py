"""Reading a mail message."""
