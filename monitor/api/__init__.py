"""What every face of the API shares: who asks, what goes in, what an error looks like, how lists page."""
