"""Mail from files: mailboxes, Outlook stores, mail folders and archives of them, brought in."""
