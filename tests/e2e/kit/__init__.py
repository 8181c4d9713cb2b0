"""What the scenarios are made of: the cluster, the installation, the venue, and the words Given, When and Then."""
