"""Closed sets and defaults that command lines show: no heavy library is needed to show them."""

ENGINES = ('auto', 'tensorflow', 'litert')
PRECISIONS = ('float32', 'float16', 'int8')
PRESETS = ('best', 'demo', 'posenet', 'smoke')
SPLITS = ('train', 'test')
BAG_STORAGES = ('mcap', 'sqlite3')
POSE_FORMATS = ('cambridge', 'tum', 'kitti')
ASSOCIATION_KEYS = ('name', 'stamp', 'row')
CORRUPTIONS = ('gaussian_noise', 'shot_noise', 'defocus_blur', 'motion_blur', 'fog', 'rain',
               'snow', 'occlusion', 'dark', 'overexposed', 'contrast')
SEVERITIES = range(1, 6)  # as ImageNet-C
MAX_IMAGES_OF_A_PLACE = 1000  # evenly spread: more would not change the result
FALSE_POSE_M = 5.0  # an accepted pose with a larger error is a false one
MAX_POSE_GAP_S = 0.2  # between two poses, to interpolate
