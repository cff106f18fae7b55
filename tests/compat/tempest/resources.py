"""Makes what tempest's tests of compute share: a second image, a network that every project sees, flavors.

resources.py <clouds.yaml> <cloud>: prints lines "NAME value" for tempest.conf.
"""
import os
import sys

os.environ["OS_CLIENT_CONFIG_FILE"] = sys.argv[1]
import openstack  # noqa: E402

cloud = openstack.connect(cloud=sys.argv[2])
first = next(iter(cloud.image.images()))
second = cloud.image.create_image(name="second", disk_format="raw", container_format="bare", visibility="public",
                                  data=os.urandom(1 << 16))
network = cloud.network.create_network(name="tempest", shared=True)
cloud.network.create_subnet(network_id=network.id, ip_version=4, cidr="10.77.0.0/16")
print("IMAGE", first.id)
print("IMAGE_ALT", second.id)
print("NETWORK", network.name)
