"""The HTTP server: requests in, by whichever cloud's dialect they are written in, and answers out.

Must not know engines or packets. Each cloud's dialect has a room of its own, which knows no other's.

* `request`:   a request as it came, with its parameters decoded;
* `dialect`:   what a dialect is to the server;
* `schema`:    what an action takes and gives;
* `keys`:      access keys and their secrets;
* `replay`:    requests that were made before, or too long ago;
* `server`:    the endpoint, and who runs it;
* `journal`:   a line for each request;
* `reference`: the page for a browser;
* `listing`:   the private endpoint that the command line asks.
"""
