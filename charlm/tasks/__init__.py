"""What a network can be trained to do, one file a task."""
