"""What is known of each layer, loss, optimizer and schedule: one row a kind."""
