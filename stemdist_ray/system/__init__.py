"""What every layer needs of the machine: files, memory, time, threads, installed packages."""
