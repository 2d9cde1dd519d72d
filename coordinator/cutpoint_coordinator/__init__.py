"""The coordinator: opens cuts, gathers their parts, publishes recovery points and drives recovery."""
