"""Makes what tempest's tests of an area share.

resources.py <clouds.yaml> <cloud> <area>: prints lines "NAME value" for the area's part of tempest.conf: a second image,
a network that every project sees, and for the area network a router from it to the cloud's external network.
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
subnet = cloud.network.create_subnet(network_id=network.id, ip_version=4, cidr="10.77.0.0/16")
print("IMAGE", first.id)
print("IMAGE_ALT", second.id)
print("NETWORK", network.name)
if sys.argv[3] == "network":
    public = cloud.network.find_network("public", ignore_missing=False)
    cloud.network.create_subnet(network_id=public.id, ip_version=6, cidr="2001:db8:77::/64", is_dhcp_enabled=False)
    router = cloud.network.create_router(external_gateway_info={"network_id": public.id})
    cloud.network.add_interface_to_router(router, subnet_id=subnet.id)
    print("PUBLIC", public.id)
    print("EXTENSIONS", ",".join(e.alias for e in cloud.network.extensions()))
