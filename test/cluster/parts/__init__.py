"""What runs in a cluster: for each part its command line and its configuration, as functions of the layout. Pure."""
