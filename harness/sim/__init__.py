"""Cases in virtual time: the same scripts, faults, toxics and laws, without sockets, threads or waiting."""
