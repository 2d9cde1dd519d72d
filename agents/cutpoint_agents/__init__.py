"""The agent: the asyncio driver of the protocol's process side, beside a service and around its channels."""
