"""Simulations: the demo on real flights, and the computations that it runs."""
