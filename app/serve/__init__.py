"""Search for other programs on this computer: a small HTTP API, and MCP for agents."""
