// Carries the precompiled header that every folder uses.
