"""The authorization endpoint: an application asks, a person signs in and consents, the application gets a code."""
