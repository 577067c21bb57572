"""Network namespaces for the demo and the tests: a small network that exists only while a `with` block runs.

Owns the lab. Must not know the API, or sessions' meaning. From the bottom up:

* `namespaces`: one namespace made, entered, named, swept; whether this process may do so at all (`missing`);
* `network`:    hosts and links, programs run on them, and that nothing of it stays behind (`Lab`);
* `recorder`:   what passed a device, frame by frame, as a pcap where wanted;
* `decoding`:   a recorded packet taken out of its VXLAN, and told in a line;
* `traffic`:    the programs that talk: HTTP and DNS, servers and clients;
* `demo`:       client, web server and sensor around a mirroring host, and the configuration for it.

Nothing is imported here: `traffic` runs as a program of its own and should start without pyroute2, which is
slow.
"""
