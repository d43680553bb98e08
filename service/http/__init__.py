"""What every door shares: requests, authentication of callers, refusals as answers, limits."""
