"""Compare models with each other, with n-grams, and with the texts that they learned from."""
