"""The few hot loops, in NumPy. Arrays in, arrays out; no knowledge of networks or protocols."""
