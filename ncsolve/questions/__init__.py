"""What one asks of predictions: thresholds, designs, maps, dynamics, landscapes, campaigns, attacks."""
