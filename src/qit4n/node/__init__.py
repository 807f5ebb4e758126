"""Live wiring: builds a site, a controller or a whole network from the file and runs it under asyncio."""
