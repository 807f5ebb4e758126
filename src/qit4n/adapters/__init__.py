"""The only input and output: TLS connections, HTTP servers, the SQLite store, certificates, OS entropy."""
