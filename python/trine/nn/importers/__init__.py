"""Models from other frameworks, in trine's layers."""
