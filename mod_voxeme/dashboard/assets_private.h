/* Between assets.c and the table that `embed` makes. */
#ifndef VX_DASHBOARD_ASSETS_PRIVATE_H
#define VX_DASHBOARD_ASSETS_PRIVATE_H

#include "dashboard/assets.h"

extern const struct vx_asset vx_assets[];
extern const size_t vx_asset_count;

#endif
