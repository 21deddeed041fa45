"""Old office documents, converted by LibreOffice in a confined process to ones that the readers know."""
