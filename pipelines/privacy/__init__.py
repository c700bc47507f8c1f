"""Where the data of a person lie, and the copy of them that the person may have; every stored file is looked at."""
