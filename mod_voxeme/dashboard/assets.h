/*
 * The files of the dashboard, as they were when the module was built. They are constant data: any
 * thread may read them at any time.
 */
#ifndef VX_DASHBOARD_ASSETS_H
#define VX_DASHBOARD_ASSETS_H

#include "core/base.h"

struct vx_asset {
    const char *path; /* of the request: "/" is the page itself, the rest is under "/dashboard/" */
    const char *media_type;
    const char *etag; /* weak, quotes included: it stands for the plain and the gzip form */
    const unsigned char *at;
    size_t len;
    const unsigned char *gzip; /* the same, compressed */
    size_t gzip_len;
};

/* The file of a request's path, without query; NULL when there is none. */
const struct vx_asset *vx_asset_find(struct vx_str path);

#endif
