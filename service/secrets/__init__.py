"""Keys, seals, digests and signatures: everything here works in memory or on the key file, never on a database."""
