"""The command line. `app` holds the signatures and stays light; what a command does is imported when it is called."""
