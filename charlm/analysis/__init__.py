"""What happens inside a network: gradients on their way back, units, gates, and what a prediction rests on."""
