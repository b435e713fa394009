"""Today: who comes to which doctor, who waits, what is free. The home page of the console."""
