"""Messages to people: the secret links in them, their wording, how they are sent and what is remembered of it."""
