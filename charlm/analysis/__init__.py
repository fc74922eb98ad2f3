"""What happens inside a network: gradients, units, gates, vectors, and the reasons for a prediction."""
