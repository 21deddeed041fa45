"""The connector: the two confined processes of one mail account, one that dials and one that speaks IMAP."""
