"""What was promised, shown on what an administrator installs: chart, image, real pods, clients outside of it all."""
