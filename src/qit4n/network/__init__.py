"""What a network is: the file, its typed model, its JSON Schema, generators and shipped examples."""
