#include "dashboard/assets_private.h"

const struct vx_asset *vx_asset_find(struct vx_str path) {
    for (size_t i = 0; i < vx_asset_count; i++)
        if (vx_str_eq(vx_str(vx_assets[i].path), path))
            return &vx_assets[i];
    return NULL;
}
