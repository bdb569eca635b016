"""What a run leaves on disk: data set, card, checkpoint."""
