"""The documentation as a site (``make docs``): what follows from the code is written anew each time it is built."""
