"""The HTTP API, version 1: JSON in, JSON out, and one shape for everything that goes wrong (`faults`).

One module a resource; each declares its routes as values (`route.Route`), and `routes` lists them all. What a route
takes, what it answers and what it refuses is said in its declaration and nowhere else: the application, the OpenAPI
document and the test that holds the client against both are made from it.

Only the coordinator that leads answers below ``/v1``; the others answer 503 with the leader's address.
"""
