"""A speed test client by M-Lab's ndt7 protocol (https://github.com/m-lab/ndt-server/blob/main/spec/ndt7-protocol.md)."""
